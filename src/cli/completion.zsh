#compdef tombola
# zsh completion of tombola, from `tombola completion zsh`: the program itself is asked what may stand at the cursor.
_tombola() {
    local tombola=$words[1] line what given
    local -a described found
    [[ $PREFIX == --*=* ]] && compset -P '*='
    for line in "${(@f)$($tombola completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        what=${line%%$'\t'*} given=${line#*$'\t'}
        case $what in
        :files)
            given=${${given#:files}//./}
            [[ $given == *\ * ]] && given="(${given// /|})"
            _files ${given:+-g "*.$given"}
            ;;
        :jobs)
            found=(${(f)"$($tombola query ${~given} 'SELECT id FROM jobs LIMIT 1000' --format tsv --no-header 2>/dev/null)"})
            compadd -a found
            ;;
        :exports)
            found=(${${(f)"$($tombola export ${~given%$'\t'*} ${given##*$'\t'} 2>/dev/null)"}%% *})
            compadd -a found
            ;;
        ?*)
            what=${what//:/\\:}
            [[ $line == *$'\t'* ]] && what+=:$given
            described+=("$what")
            ;;
        esac
    done
    (( $#described )) && _describe word described
}

_tombola "$@"
