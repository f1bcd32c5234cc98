"""Deterministic simulation: the real use cases and AWS adapters in a world that is driven by one seed.

A run of the simulation is a few hours of a small organization, its Lambdas, its bucket, table and queue. Everything
that can differ between two runs (what users do and when, how long a call takes, which one fails or is the last of its
process) is a *decision*, and its calm course is the decision 0. So a run is known by its departures from the calm
course alone: a seed makes them, an exploration tries each of them once, a failure is shrunk by dropping them.

decisions   the departures, made or replayed
story       what happened, one readable line each
scheduler   time, and processes that take turns
network     what lies between a process and a service
faults      how a call can fail
s3, dynamodb, sqs   the services, in memory
organization, changes, users   the source, what can happen to it, and who does it
qonto       the port to it
lambdas     the two functions, their schedule and the queue's deliveries
webhooks    Qonto's webhooks, others' forgeries, and the function that receives them
watch       what must hold at every moment, and at the end
world       all of it together
explore, shrink   many runs, and the shortest story of one that fails
mutations   the product without one of its safeguards
"""
