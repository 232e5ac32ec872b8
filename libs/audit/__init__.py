"""The audit trail as every service sees it: what an entry says, and how one is made.

`entry` says what there is to say, `auditor` makes entries. Privacy keeps them and chains them (ADR 46).
"""

from libs.audit.auditor import Auditor
from libs.audit.entry import Action, AuditEntry, Caller, Details, Outcome

__all__ = ["Action", "AuditEntry", "Auditor", "Caller", "Details", "Outcome"]
