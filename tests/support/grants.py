"""Read who may do what in a database, from the system's own catalog."""

from collections import defaultdict
from collections.abc import Mapping

from readmit_runtime.database import Connection
from readmit_runtime.markdown_table import markdown_table

ROLES = ("readmit_batch_producer", "readmit_ingestor", "readmit_trainer", "readmit_reader", "readmit_auditor")

Grants = Mapping[str, Mapping[str, frozenset[str]]]
"""By object, then by role: what it may do, in lower case; a right on one column is `update(id)`."""

# What the owner may do goes without saying. A function without grants of its own is everybody's, by Postgres' default.
_GRANTED = """
    SELECT name, CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS role,
           lower(acl.privilege_type) || coalesce('(' || attname || ')', '') AS right
    FROM (
        SELECT 'schema ' || nspname AS name, nspacl AS acl, nspowner AS owner, NULL::name AS attname
        FROM pg_namespace WHERE nspname = ANY ($1)
        UNION ALL
        SELECT c.oid::regclass::text, c.relacl, c.relowner, NULL
        FROM pg_class c WHERE c.relnamespace::regnamespace::text = ANY ($1) AND c.relkind IN ('r', 'v', 'm', 'p', 'S')
        UNION ALL
        SELECT c.oid::regclass::text, a.attacl, c.relowner, a.attname
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace::regnamespace::text = ANY ($1) AND a.attacl IS NOT NULL
        UNION ALL
        SELECT format('%s.%s()', p.pronamespace::regnamespace, p.proname),
               coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner, NULL
        FROM pg_proc p WHERE p.pronamespace::regnamespace::text = ANY ($1)
    ) objects, aclexplode(objects.acl) acl
    WHERE acl.grantee <> objects.owner
"""
SCHEMAS = ("clean", "ingest", "predictions", "raw", "status", "training")


async def granted(connection: Connection) -> Grants:
    """Return every grant on the schemas of the migrations and what is in them."""
    found: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in await connection.fetch(_GRANTED, list(SCHEMAS)):
        found[row["name"]][row["role"]].add(row["right"])
    return {name: {role: frozenset(rights) for role, rights in by_role.items()} for name, by_role in found.items()}


def grants_table(grants: Grants) -> str:
    """Return the matrix in Markdown: an object in each row, a role in each column."""
    roles = [*ROLES, *sorted({role for by_role in grants.values() for role in by_role} - {*ROLES})]
    order = sorted(grants, key=lambda name: (not name.startswith("schema "), name))
    rows = [
        (f"`{name}`", *(", ".join(sorted(grants[name].get(role, frozenset()))) for role in roles)) for name in order
    ]
    return markdown_table(("Object", *(f"`{role.removeprefix('readmit_')}`" for role in roles)), rows)
