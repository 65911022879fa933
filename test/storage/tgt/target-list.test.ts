import { describe, expect, it } from 'vitest';
import { DrayError } from '../../../contract/errors.ts';
import { parseTarget, parseTargetList } from '../../../storage/tgt/target-list.ts';

const TWO_TARGETS = `Target 1: iqn.2026-11.io.drayage:a
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 2
            Initiator: iqn.x:ini alias: none
            Connection: 0
                IP Address: 127.0.0.1
        I_T nexus: 7
            Initiator: iqn.x:two alias: mover one
            Connection: 0
                IP Address: 127.0.0.1
            Connection: 1
                IP Address: ::1
    LUN information:
        LUN: 0
            Type: controller
            SCSI ID: IET     00010000
            SCSI SN: beaf10
            Readonly: No
            Backing store type: null
            Backing store path: None
            Backing store flags: 
        LUN: 1
            Type: disk
            SCSI ID: IET     00010001
            SCSI SN: abcdef0123456789abcdef0123456789
            Size: 8 MB, Block size: 512
            Readonly: Yes
            Backing store type: rdwr
            Backing store path: /srv/drayage/volumes/v: 1.raw
            Backing store flags: 
    Account information:
        u1
    ACL information:
        iqn.x:ini
        192.0.2.1
Target 65535: iqn.2026-11.io.drayage:b
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
    LUN information:
    Account information:
    ACL information:
`;

const facts = (text: string) => parseTargetList(text).map(parseTarget);

describe('list of targets', () => {
  it('is read as tgtd 1.0 prints it', () => {
    expect(facts(TWO_TARGETS)).toEqual([
      {
        tid: 1,
        name: 'iqn.2026-11.io.drayage:a',
        sessions: [
          { sid: 2, initiator: 'iqn.x:ini', cids: [0] },
          { sid: 7, initiator: 'iqn.x:two', cids: [0, 1] },
        ],
        units: [
          { lun: 0, serial: 'beaf10', path: 'None', readOnly: false },
          {
            lun: 1,
            serial: 'abcdef0123456789abcdef0123456789',
            path: '/srv/drayage/volumes/v: 1.raw',
            readOnly: true,
          },
        ],
        accounts: ['u1'],
        acl: ['iqn.x:ini', '192.0.2.1'],
      },
      {
        tid: 65535,
        name: 'iqn.2026-11.io.drayage:b',
        sessions: [],
        units: [],
        accounts: [],
        acl: [],
      },
    ]);
    expect(facts('')).toEqual([]);
  });

  it('is refused where a remote put lines of its own into it by its alias', () => {
    for (const alias of ['x\n    LUN information:', 'x\nTarget 9: y', 'x\n    evil', 'x\nevil']) {
      expect(() => facts(TWO_TARGETS.replace('alias: none', `alias: ${alias}`))).toThrow(DrayError);
    }
  });

  it('is refused where it was cut off, at any byte within a target', () => {
    const one = TWO_TARGETS.slice(0, TWO_TARGETS.indexOf('    ACL information:'));
    for (let length = 'Target 1: iqn'.length; length < one.length; length += 1) {
      expect(() => facts(one.slice(0, length)), one.slice(0, length)).toThrow(DrayError);
    }
  });

  it('never turns garbage into facts', () => {
    const whole = facts(TWO_TARGETS);
    const lines = TWO_TARGETS.split('\n');
    // A generator with a fixed seed (mulberry32): a failure can be repeated.
    let state = 20261122;
    const random = (below: number): number => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) % below;
    };
    let refused = 0;
    for (let round = 0; round < 3000; round += 1) {
      const word = Array.from({ length: 1 + random(20) }, () =>
        String.fromCharCode(32 + random(95)),
      ).join('');
      const garbled = [...lines];
      garbled.splice(random(lines.length - 1), 0, ' '.repeat(random(8)) + word.trimStart());
      try {
        expect(facts(garbled.join('\n'))).toEqual(whole);
      } catch (error) {
        if (!(error instanceof DrayError)) throw error;
        expect(error.code).toBe('ToolFailed');
        refused += 1;
      }
    }
    expect(refused).toBe(3000);
  });
});
