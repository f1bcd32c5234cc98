"""Deterministic simulation testing: the real use cases and AWS adapters in a world that one seed determines.

A run simulates a few hours of a small organization with its Lambda functions, bucket, table and queue. Everything that
can differ between two runs is a *decision*: what users do and when, how long a call takes, which call fails, where a
process crashes. Option 0 of each decision is the default, so a run is fully described by its *deviations*: the
decisions that took another option. A seed draws deviations at random, an exploration tries each single deviation, and
a failing run is shrunk by dropping the deviations that it does not need.

decisions   the decisions of a run, given or drawn from a seed
trace       what happened in a run, one line per event
scheduler   simulated time, and processes that take turns
network     delays, faults and crashes between a process and a service
faults      how a call can fail
services    S3 and DynamoDB in memory (`local/in_memory`), with observers and an index that lags
organization, changes, users   the data at Qonto, how it can change, and the users who change it
qonto       the port to Qonto
lambdas     the sync and retry functions, their schedule and their event source
webhooks    Qonto's webhooks, forged ones, and the function that receives them
invariants  what must hold after each effect, and at the end of a run
world       one run of all of these together
hand        who changes bucket, ledger and source without a trace
nights      a world of its own: that hand, and nightly reconciliations that make everything right again
explore     many runs, in parallel
shrink      reduces a failing run to a minimal counterexample
mutations   the product with one safeguard disabled
refresh     a smaller world of its own: several processes refresh one OAuth token
"""
