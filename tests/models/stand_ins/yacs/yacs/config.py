"""Stand-in for yacs.config: a dictionary with attributes, and the state that is pickled with it."""


class CfgNode(dict):
    """The published class as far as it is used."""

    def __init__(self, init_dict=None):
        super().__init__({} if init_dict is None else init_dict)
        self.__dict__["__immutable__"] = False

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)

    def __setattr__(self, name, value):
        if self.__dict__["__immutable__"]:
            raise AttributeError(f"{name} of a frozen configuration")
        self[name] = value

    def _all(self, immutable):
        self.__dict__["__immutable__"] = immutable
        for value in self.values():
            if isinstance(value, CfgNode):
                value._all(immutable)

    def freeze(self):
        self._all(True)

    def defrost(self):
        self._all(False)
