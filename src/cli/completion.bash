# shellcheck shell=bash
# bash completion of tombola, from `tombola completion bash`: the program itself is asked what may stand at the cursor.
_tombola_words() { mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$1" -- "$cur"); }

# Folders, and files with one of the endings.
_tombola_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
        compgen -d -- "$cur"
        for ending in "${@:-}"; do compgen -f -X "!*$ending" -- "$cur"; done
    )
}

_tombola() {
    local line=${COMP_LINE:0:COMP_POINT} cur what given
    local -a words
    COMPREPLY=()
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    cur=${words[${#words[@]} - 1]}
    if [[ $cur == --*=* ]]; then cur=${cur#*=}; fi
    while IFS=$'\t' read -r what given; do
        given=${given/#\~\//$HOME/}
        # shellcheck disable=SC2086 # several endings
        case $what in
        :files) _tombola_files $given ;;
        :jobs)
            [[ $cur == *[!0-9a-f]* ]] ||
                _tombola_words "$("${words[0]}" query "$given" "SELECT id FROM jobs WHERE id LIKE '$cur%' LIMIT 200" --format tsv --no-header 2>/dev/null)"
            ;;
        :exports) _tombola_words "$("${words[0]}" export "${given%$'\t'*}" "${given##*$'\t'}" 2>/dev/null | cut -d ' ' -f 1)" ;;
        *) [[ $what == "$cur"* ]] && COMPREPLY+=("$what") ;;
        esac
    done < <("${words[0]}" completion words -- "${words[@]:1}" 2>/dev/null)
    # The shell breaks words at these, and replaces only what stands behind the last of them.
    local kept=${cur%"${cur##*[@:=]}"}
    [[ $kept && $COMP_WORDBREAKS == *[@:=]* ]] && COMPREPLY=("${COMPREPLY[@]#"$kept"}")
    return 0
}
complete -F _tombola tombola
