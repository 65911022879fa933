"""Runs a service of Cinder on SQLite: `service.py api --config-file FILE`.

SQLite refuses at once a transaction that has read and then wants to write when another one has
written in between; Cinder, made for databases that wait, would answer 500. So each transaction
takes the lock as it begins, and the others wait for it.
"""

import importlib
import sys

name = sys.argv.pop(1)
sys.argv[0] = f'cinder-{name}'
# First of all, since it replaces what others would import.
service = importlib.import_module(f'cinder.cmd.{name}')

from sqlalchemy import event  # noqa: E402
from sqlalchemy.engine import Engine  # noqa: E402


@event.listens_for(Engine, 'before_cursor_execute', retval=True)
def lock_at_once(connection, cursor, statement, parameters, context, executemany):
    return 'BEGIN IMMEDIATE' if statement == 'BEGIN' else statement, parameters


sys.exit(service.main())
