"""The paper's tables and figures again, each a small grid of configurations, its own number beside the paper's."""
