"""Shell scripts that complete the commands and their flags."""

import contextlib

from jaxsr.commands import COMMANDS, module
from jaxsr.errors import InputError

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
    with contextlib.suppress(SystemExit):
        tyro.extras.subcommand_cli_from_dict(mains, prog="jaxsr", args=["--tyro-write-completion", shell, "-"])
    print(_FILES[shell])
