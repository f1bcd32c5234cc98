"""The operator's commands, on a stack deployed on moto."""
