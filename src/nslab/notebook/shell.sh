# What a node's lasting bash knows from the start. Its script, on standard input, is one line: read this, then run cell
# after cell (cell.sh). A cell's text comes, NUL-terminated, on 250; the shell answers on 251 and leaves on 252 what it
# knows. A cell's input is 249, nothing; it writes to 248, the terminal, and for its errors there or to 247, a pipe.

trap '' INT QUIT # but for the time that a cell runs: half a cell read would be taken for another
set -m # each command line is a process group, and the terminal's foreground one while it runs: that is what ^C ends
shopt -s expand_aliases
exec 2>&249 # what our own lines may say is nobody's business, `set -x` included
__nslab_status=0 __nslab_line='' __nslab_code=0

__nslab_return() { return "$1"; }

# A command that fails ends the cell: under the conditions of `set -e`, but without ending the shell. `set -e` is on for
# them; the trap is asked before it, and leaves the cell by `return` and `continue`. A subshell may end by `set -e`.
# LINENO counts the lines of a trap, too: it is read in the first one.
__nslab_begin() {
    __nslab_line='' __nslab_code=0
    eval "$__nslab_before"
    trap '__nslab_last=$? __nslab_at=$LINENO
        if [[ $- == *e* && $BASHPID == "$$" ]]; then
            __nslab_code=$__nslab_last
            if [[ ${FUNCNAME-} ]]; then
                __nslab_line=${BASH_LINENO[-1]}
                return "$__nslab_last"
            fi
            __nslab_line=$__nslab_at
            set +e
            continue 999
        fi' ERR
    trap '__nslab_at=$LINENO __nslab_code=130
        if [[ ${FUNCNAME-} ]]; then
            __nslab_line=${BASH_LINENO[-1]}
            return 130
        fi
        __nslab_line=$__nslab_at
        set +e
        continue 999' INT QUIT
    set -eE
}

__nslab_save() {
    {
        printf 'cd -- %q\n' "$PWD"
        declare -px
        declare -pf
        alias -p
        printf '\0'
    } >&252
}

# After an interrupt, bash goes on with the next line of its script, another copy of cell.sh; the line numbers of a cell
# are counted from it.
__nslab_report() {
    __nslab_status=$?
    trap '' INT QUIT
    set +eEx
    [[ ! $__nslab_line ]] || __nslab_status=$__nslab_code
    __nslab_save
    printf '\0%s\0%s\0%s\0%s\0' "$__nslab_status" "$__nslab_line" "${BASH_LINENO[0]}" "$PWD" >&251
}

trap __nslab_save EXIT
