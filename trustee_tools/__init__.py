"""The trustee's program: the ceremony, the drills and the decryption of one trustee, offline on files.

Spec: `docs/spec/trustee.md`; how to work with it: `docs/operations/trustee.md`. `ceremony` and `vault` hold the rules,
`link` reads a record and writes entries, `cli` speaks to the person.
"""
