/** The default export of the other files here: a page for `help` and the man page; the file's name is the topic. */
export interface Topic {
  readonly summary: string;
  /** At most 80 columns. */
  readonly text: string;
}
