"""The trustee's program: the ceremony, the drills and the decryption of one trustee.

Spec: `docs/spec/trustee.md`; how to work with it: `docs/operations/trustee.md`. `ceremony` and `vault` hold the rules,
`link` reads a record, `board` fetches one and brings entries, `cli` and `screens` speak to the person.
"""
