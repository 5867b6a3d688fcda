# SPDX-License-Identifier: BSD-2-Clause
# bash completion for hvsh; hvsh itself knows what may follow.

_hvsh()
{
	local IFS=$'\n' word
	local -a words=()

	# bash makes three words of --from=start.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $word == = ]] || words+=("$word")
	done
	word=${COMP_WORDS[COMP_CWORD]}
	[[ $word == = ]] && word=
	mapfile -t COMPREPLY < <("$1" --complete -- "${words[@]}" "$word" 2>/dev/null)
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
		compopt -o nospace 2>/dev/null
	fi
}
complete -F _hvsh hvsh
