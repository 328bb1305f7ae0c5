/*
 * The scripts that shells load to complete this program. They ask the program (`__complete`), so they never become
 * outdated; they pass the command line on as typed, evaluate none of it, and let the shell quote the answer.
 */

/** For bash 3.2 (macOS) and later; needs no bash-completion. The words are already quoted for their place. */
const bash = `# bash completion for agno-trace
_agno_trace() {
  local line answer=
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $answer ]]; then answer=$line; else COMPREPLY+=("$line"); fi
  done < <(command agno-trace __complete bash "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" </dev/null 2>/dev/null)
  # Without words bash would offer files, which is right only where a file is asked for.
  [[ $answer == files ]] || compopt +o default 2>/dev/null
}
complete -o default -o nosort -F _agno_trace agno-trace 2>/dev/null || complete -o default -F _agno_trace agno-trace
`;

const zsh = `#compdef agno-trace
# zsh completion for agno-trace
_agno-trace() {
  local -a before lines values shown
  local line tab=$'\\t'
  (( CURRENT > 2 )) && before=("\${(@Q)words[2,CURRENT-1]}")
  lines=("\${(@f)$(command agno-trace __complete zsh "\${before[@]}" "\${(Q)PREFIX}" </dev/null 2>/dev/null)}")
  if [[ $lines[1] == files ]]; then
    [[ $PREFIX == --*=* ]] && compset -P '*='
    _files
    return
  fi
  [[ $lines[1] == words ]] || return 1
  for line in "\${(@)lines[2,-1]}"; do
    values+=("\${line%%$tab*}")
    shown+=("\${line/$tab/  -- }")
  done
  # In the order given: the newest first. compadd quotes.
  compadd -V agno-trace -l -d shown -a values
}
if [[ $funcstack[1] == _agno-trace ]]; then _agno-trace "$@"; else compdef _agno-trace agno-trace; fi
`;

const fish = `# fish completion for agno-trace
function __agno_trace_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (command agno-trace __complete fish $before[2..-1] "$current" </dev/null 2>/dev/null)
    if test "$lines[1]" = files
        set -l flag (string match -r -- '^--[^=]+=' "$current")
        for file in (__fish_complete_path (string replace -r -- '^--[^=]+=' '' "$current"))
            printf '%s%s\\n' "$flag" "$file"
        end
    else if test "$lines[1]" = words
        printf '%s\\n' $lines[2..-1]
    end
end
complete -c agno-trace -e
complete -c agno-trace -f -k -a '(__agno_trace_complete)'
`;

const powershell = `# PowerShell completion for agno-trace
Register-ArgumentCompleter -Native -CommandName agno-trace -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements |
    Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
    ForEach-Object { if ($null -ne $_.Value) { [string]$_.Value } else { $_.Extent.Text } })
  $encoding = [Console]::OutputEncoding
  try {
    [Console]::OutputEncoding = [System.Text.Encoding]::UTF8
    # By a variable: some versions drop empty arguments and change quotes in others.
    $env:AGNO_TRACE_WORDS = ($words + @($wordToComplete -replace '^[''"]', '')) -join "\`n"
    $lines = @(agno-trace __complete powershell 2>$null)
  } finally {
    $env:AGNO_TRACE_WORDS = $null
    [Console]::OutputEncoding = $encoding
  }
  if ($lines.Count -lt 2 -or $lines[0] -ne 'words') { return }
  foreach ($line in $lines[1..($lines.Count - 1)]) {
    $value, $about = $line -split "\`t", 2
    $text = $value
    if ($value -notmatch '^[A-Za-z0-9_.:/=-]+$') {
      $text = "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($value) + "'"
    }
    if (-not $about) { $about = $value }
    [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $about)
  }
}
`;

export const SCRIPTS = {bash, zsh, fish, powershell} as const;
export const SHELLS: readonly (keyof typeof SCRIPTS)[] = ['bash', 'zsh', 'fish', 'powershell'];
