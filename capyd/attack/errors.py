"""Why an attack could not be made."""


class AttackError(Exception):
    """Nothing was found out. Its text is for a person."""


class UnderWayError(AttackError):
    """Another attack on this cluster is under way."""
