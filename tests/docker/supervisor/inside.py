"""What a box is given: codex's configuration, and a program that cuts the supervisor's connections."""

CONFIG = """\
model = "gpt-6.1-sol"
model_provider = "scripted"
check_for_update_on_startup = false
suppress_unstable_features_warning = true
approval_policy = "{approval}"
sandbox_mode = "{sandbox}"
[model_providers.scripted]
name = "scripted"
base_url = "http://host.docker.internal:{port}/v1"
wire_api = "responses"
[analytics]
enabled = false
[feedback]
enabled = false
[features]
daemon_auto_start = false
plugins = false
[notice]
hide_full_access_warning = true
[tui]
animations = false
show_tooltips = false
alternate_screen = "never"
disable_paste_burst = true
screen_reader_detection_done = true
[projects."/work"]
trust_level = "trusted"
"""

#: Shuts the supervisor's connections down from outside: pidfd_getfd needs the right to trace it.
CUT = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
pidfd = os.pidfd_open(pid)
cut = 0
for name in os.listdir(f"/proc/{pid}/fd"):
    if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
        fd = libc.syscall(438, pidfd, int(name), 0)
        if fd < 0: sys.exit(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
        one = socket.socket(fileno=fd)
        try: one.getpeername(); one.shutdown(socket.SHUT_RDWR); cut += 1
        except OSError: pass
print(cut)
"""
