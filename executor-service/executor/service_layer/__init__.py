"""The use cases of the executor: one function a call, over the ports of store and matcher."""
