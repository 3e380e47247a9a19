"""The run pages: server-rendered, for one person in a browser on this machine.

door.py decides who may look, app.py names the routes, render.py draws templates/. What is shown comes from
control/ and record/; nothing here changes a run but its two buttons, stop and rerun.
"""
