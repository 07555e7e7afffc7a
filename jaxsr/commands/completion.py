"""Shell scripts that complete the commands and their flags."""

import contextlib
import io
import re

from jaxsr.commands import COMMANDS, module
from jaxsr.errors import InputError

# The line of tyro's scripts that holds the help. Shells would offer what follows a line break as another word.
_HELP = re.compile(r"^COMPLETION_SPEC = .*$", re.MULTILINE)
# Added to tyro's scripts, which do not complete the file names of positional arguments.
_FILES = {
    "bash": """
_jaxsr() { _tyro_jaxsr; [[ -n ${COMPREPLY[0]} ]] || COMPREPLY=(); }
complete -o bashdefault -o default -o filenames -F _jaxsr jaxsr""",
    "zsh": """
(( compstate[nmatches] )) || _files""",
}


def print_completion(shell: str) -> None:
    """Print the completion script of a shell.

    Args:
      shell: bash or zsh.

    Raises:
      InputError: the shell is neither of these.
    """
    if shell not in _FILES:
        raise InputError(f"{f'--completion {shell}'.strip()}: choose one of {', '.join(_FILES)}")
    import tyro

    mains = {name: module(name).main for name in COMMANDS}
    script = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(script):
        tyro.extras.subcommand_cli_from_dict(mains, prog="jaxsr", args=["--tyro-write-completion", shell, "-"])
    print(_HELP.sub(_one_line, script.getvalue()), _FILES[shell], sep="\n")


def _one_line(spec):
    return re.sub(r"(\\n)+ *", " ", spec[0])
