import {SHELLS} from '../../completion/scripts.ts';
import type {CommandModule} from '../../flags/command.ts';
import {parseChoice} from '../../flags/values.ts';

const INSTALL = `
Install:
  bash: add to ~/.bashrc:
      eval "$(agno-trace completion bash)"
  zsh: add to ~/.zshrc, below compinit:
      eval "$(agno-trace completion zsh)"
  fish: once:
      agno-trace completion fish > ~/.config/fish/completions/agno-trace.fish
  PowerShell: add to $PROFILE:
      agno-trace completion powershell | Out-String | Invoke-Expression

Agents, users, sessions and recent runs come from the database that the command
line or the environment names, within 300 ms; after that, nothing is offered.`;

const completion: CommandModule = {
  examples: [
    {line: 'completion bash', answer: 'the script; see above where it goes'},
    {line: 'completion fish > ~/.config/fish/completions/agno-trace.fish', answer: 'installs it for fish'},
  ],
  declare: (command, context) => {
    command.argument('<shell>', 'bash, zsh, fish or powershell').addHelpText('after', INSTALL);
    command.action(async (shell: string) => {
      const known = parseChoice('shell', shell, SHELLS);
      const {default: run} = await import('./run.ts');
      run(known, context);
    });
  },
};
export default completion;
