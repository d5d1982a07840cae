"""Customer events from Kafka to the warehouse, stripped of personal data in transit."""

from importlib.metadata import version

__version__ = version("streamproc")
