import { formatVolume, type Volume } from '../../contract/volume.ts';
import { renderBytes, renderTable } from './quantities.ts';

export function renderVolumes(volumes: Volume[]): string {
  const rows = volumes.map((volume) => [
    formatVolume(volume),
    renderBytes(volume.sizeBytes),
    volume.state,
    volume.neverWritten ? 'never written' : '',
    volume.reservedBy ?? '',
  ]);
  return renderTable(['VOLUME', 'SIZE', 'STATE', 'CONTENT', 'RESERVED BY'], rows);
}
