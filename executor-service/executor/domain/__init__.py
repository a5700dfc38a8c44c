"""Working through playbooks: pure cores (model, state, transitions, risk, policy, chain) and what uses them."""
