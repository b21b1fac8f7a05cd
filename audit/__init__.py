"""The independent auditor: every check of the protocol over a folder of public files, and a report to repeat it by."""
