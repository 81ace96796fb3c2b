"""The pocket world: rendered scenes with people, exact metric depth, and the small networks trained on them."""
