"""A strict AWS STS on 127.0.0.1, for tests and for the tutorial.

Owns: everything needed to be refused as AWS would refuse it: signatures, MFA
devices, trust policies, lifetimes. Never: imports the rest of sts_plugin, nor
is imported by its engine; the two must not share a mistake.
"""

from sts_plugin.sandbox.faults import Fault
from sts_plugin.sandbox.journal import Call, Journal
from sts_plugin.sandbox.organisation import Organisation, Profile, Role, Trust, User
from sts_plugin.sandbox.sandbox import Sandbox

__all__ = [
    "Call",
    "Fault",
    "Journal",
    "Organisation",
    "Profile",
    "Role",
    "Sandbox",
    "Trust",
    "User",
]
