"""What a step can do: one module an action type; the registry finds them."""
