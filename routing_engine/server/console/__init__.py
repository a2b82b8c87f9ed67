"""The console: pages for the people who own the numbers, at ``/console``.

Pages are rendered here and call the endpoints of the API, so that what may be done, and what is
wrong with it, is decided in one place. Scripts are htmx and a few lines of our own; nothing is
asked of another host.
"""
