import { spawn } from 'node:child_process';
import type { ByteRange } from '../../contract/copy.ts';
import { WITH_PARENT } from './with-parent.ts';

/** SEEK_DATA and SEEK_HOLE of lseek(2), which Node does not have. Arguments: from, to. */
const SEEKER = `
use Errno;
my ($at, $end) = @ARGV;
open(my $file, '<', '/dev/fd/3') or die "cannot be opened: $!\\n";
while ($at < $end) {
  my $data = sysseek($file, $at, 3);
  if (!defined $data) {
    die "$!\\n" unless $!{ENXIO};
    # That is what behind the end of a file is as well, where nothing reads as zeros.
    die "it ends at " . (-s $file) . "\\n" if -s $file < $end;
    last;
  }
  my $hole = sysseek($file, $data, 4) or die "$!\\n";
  last if $data >= $end;
  $hole = $end if $hole > $end;
  printf "%d %d\\n", $data, $hole - $data;
  $at = $hole;
}
print "end\\n";
`;

/**
 * Where the source has data, as its file tells while it is asked for: what has to be kept of a
 * large map is what the pipe holds. Questions have to come in ascending order.
 */
export class SourceMap {
  readonly #lines: AsyncIterator<string>;
  /** Told and not gone past, in order. */
  #ahead: ByteRange[] = [];
  /** Everything before this byte is told. */
  #known: number;
  #asking = Promise.resolve();

  /** `onUnknown` is told why the file no longer says; from there on all counts as data. */
  constructor(
    private readonly range: ByteRange,
    private readonly onUnknown: (because: string) => void,
  ) {
    this.#known = range.offset;
    this.#lines = linesOf(range);
  }

  /** The first byte of data behind an offset; the end of the range where there is none. */
  async dataFrom(offset: number): Promise<number> {
    await this.#learn(offset + 1);
    this.#ahead = this.#ahead.filter((data) => data.offset + data.length > offset);
    return Math.max(offset, this.#ahead[0]?.offset ?? this.#known);
  }

  /** All data in a part of the range. */
  async within({ offset, length }: ByteRange): Promise<ByteRange[]> {
    const end = offset + length;
    await this.#learn(end);
    return this.#ahead.flatMap((data) => {
      const from = Math.max(data.offset, offset);
      const rest = Math.min(data.offset + data.length, end) - from;
      return rest > 0 ? [{ offset: from, length: rest }] : [];
    });
  }

  /** Until everything before a byte is told; several may ask at once. */
  async #learn(upTo: number): Promise<void> {
    this.#asking = this.#asking.then(async () => {
      while (this.#known < upTo) await this.#read();
    });
    await this.#asking;
  }

  async #read(): Promise<void> {
    const end = this.range.offset + this.range.length;
    const { value: line = '' } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    const [, offset, length] = /^(\d+) (\d+)$/.exec(line) ?? [];
    const data = { offset: Number(offset), length: Number(length) };
    const behind = data.offset + data.length;
    // Anything else would be a hole where there may be data.
    if (data.offset >= this.#known && data.length > 0 && behind <= end) {
      this.#ahead.push(data);
      this.#known = behind;
    } else {
      if (line !== 'end') {
        this.#ahead.push({ offset: this.#known, length: end - this.#known });
        this.onUnknown(line === '' ? 'perl ended early' : line);
      }
      this.#known = end;
    }
  }
}

/** The seeker's lines, its last words among them; it goes no further than they are read. */
async function* linesOf({ offset, length }: ByteRange): AsyncGenerator<string> {
  const range = [String(offset), String(offset + length)];
  const program = ['setpriv', ...WITH_PARENT, 'perl', '-e', SEEKER, ...range];
  // Its words follow its lines on one pipe.
  const args = ['-c', 'exec "$@" 2>&1', 'seeker', ...program];
  const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit', 3] });
  let rest = '';
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    const lines = (rest + part.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
