# SPDX-License-Identifier: BSD-2-Clause
# bash completion for hvsh; hvsh itself knows what may follow.

_hvsh()
{
	local IFS=$'\n' word parted= key=
	local -a words=()

	# bash makes three words of --from=start, which hvsh takes as two, and of
	# link=up, which is one.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
		key=
		if [[ $word == = && ${#words[@]} -gt 0 ]]; then
			parted=y
			continue
		elif [[ $parted && ${words[-1]} != -* ]]; then
			key=${words[-1]}=
			words[-1]=$key$word
		else
			words+=("$word")
		fi
		parted=
	done
	if [[ $parted && ${words[-1]} != -* ]]; then
		key=${words[-1]}=
		words[-1]=$key
	elif [[ $parted ]]; then
		words+=("")
	fi
	mapfile -t COMPREPLY < <("$1" --complete -- "${words[@]}" 2>/dev/null)
	# Only what is behind the = will be replaced.
	COMPREPLY=("${COMPREPLY[@]#"$key"}")
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]]; then
		compopt -o nospace 2>/dev/null
	fi
}
complete -F _hvsh hvsh
