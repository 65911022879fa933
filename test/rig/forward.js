/** Hands every connection to an address of this network namespace on to a socket in the file system. */
import { connect, createServer } from 'node:net';
import process from 'node:process';

const [host, port, path] = process.argv.slice(2);

createServer((inside) => {
  const outside = connect(path);
  inside.pipe(outside).on('error', () => inside.destroy());
  outside.pipe(inside).on('error', () => outside.destroy());
  inside.on('close', () => outside.destroy());
  outside.on('close', () => inside.destroy());
}).listen(Number(port), host, () => process.stdout.write('listening\n'));
