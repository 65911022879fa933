/** Arguments of setpriv(1): the kernel kills what follows as soon as its parent has ended. */
export const WITH_PARENT = ['--pdeathsig', 'KILL', '--'] as const;
