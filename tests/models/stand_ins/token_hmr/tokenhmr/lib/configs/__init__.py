"""Stand-in for lib.configs: the settings of a file, of which only the paths are read here."""

from yacs.config import CfgNode


def get_config(config_file, merge=True):
    """Read "SECTION.NAME: value" lines; the result is frozen, as published."""
    settings = CfgNode()
    for line in open(config_file).read().splitlines():
        key, _, value = line.partition(": ")
        section, _, name = key.partition(".")
        settings.setdefault(section, CfgNode())[name] = value
    settings.freeze()
    return settings
