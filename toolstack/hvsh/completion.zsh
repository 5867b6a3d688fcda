#compdef hvsh
# SPDX-License-Identifier: BSD-2-Clause
# zsh completion for hvsh; hvsh itself knows what may follow. This is the body of
# a function.

local word
local -a before found

# Unlike bash's, zsh's --from=start is one word.
for word in "${(@Q)words[2,CURRENT-1]}"; do
	if [[ $word == --*=* ]]; then
		before+=("${word%%=*}" "${word#*=}")
	else
		before+=("$word")
	fi
done
if [[ $PREFIX == --*=* ]]; then
	before+=("${PREFIX%%=*}")
	compset -P 1 '*='
fi
found=("${(@f)$("${(Q)words[1]}" --complete -- "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}")
found=("${(@)found:#}")
# More is to follow a folder, and KEY=.
compadd -S '' -- "${(@M)found:#*[/=]}"
compadd -- "${(@)found:#*[/=]}"
