from tests.tiny_weights import _tiny_cache, no_network, tiny_weights

__all__ = ["_tiny_cache", "no_network", "tiny_weights"]
