import {useStdin} from 'ink';
import {useEffect, useRef} from 'react';
import {type MousePress, mouseReports} from './mouse.ts';

/**
 * Reports mouse actions. Call it after `useKeys`: Ink, which drops these reports, reads the bytes, and we see what it
 * reads.
 */
export function useMouse(isOn: boolean, onMouse: (press: MousePress) => void): void {
  const {stdin} = useStdin();
  const listener = useRef(onMouse);
  listener.current = onMouse;
  useEffect(() => {
    if (!isOn) return;
    const onData = (chunk: Buffer | string) => {
      for (const press of mouseReports(String(chunk))) listener.current(press);
    };
    stdin.on('data', onData);
    return () => void stdin.off('data', onData);
  }, [stdin, isOn]);
}
