"""Serves Keystone's public API: `keystone_service.py PORT`, settings by OS_KEYSTONE_CONFIG_FILES.

One request at a time: SQLite would refuse what wants to write while another one reads.
"""

import sys
from wsgiref.simple_server import make_server

from keystone.server import wsgi

if __name__ == '__main__':
    port = int(sys.argv.pop())
    make_server('127.0.0.1', port, wsgi.initialize_public_application()).serve_forever()
