import type {Context} from '../../context.ts';
import {withStore} from '../../flags/database.ts';
import type {ReadFlags} from '../../flags/declare.ts';
import type {ConnectionFacts} from '../../store/facts.ts';
import {patiently} from '../../store/patient.ts';
import type {Store} from '../../store/store.ts';

/** Opens the database that the flags name, with what is known of the connection. A busy writer may be in the way of that. */
export async function withPatientStore(
  flags: ReadFlags,
  context: Context,
  use: (store: Store, facts: ConnectionFacts) => Promise<void>,
): Promise<void> {
  let facts: ConnectionFacts | null = null;
  let isOpen = false;
  const open = () =>
    withStore(
      flags,
      context,
      '',
      store => {
        isOpen = true;
        return use(store, facts!);
      },
      found => {
        facts = found;
      },
    );
  await patiently(open, error => {
    // What is wrong later has been tried again there.
    if (isOpen) throw error;
  });
}
