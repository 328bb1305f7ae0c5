/** What the other files here export by default: a page that `help` and the man page print; the file's name is the topic. */
export interface Topic {
  readonly summary: string;
  /** At most 80 columns. */
  readonly text: string;
}
