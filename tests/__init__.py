"""The tests: unit on fakes, contract, template facts, integration, the built artifact, simulation."""
