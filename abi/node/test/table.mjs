// cordon_api_v1 as this language declares it, from the generated list of its members.
import koffi from 'koffi';
import { tableMembers } from '../node_modules/cordon/dist/contract.js';

export const tableType = koffi.struct({
  struct_size: 'uint32_t',
  abi_version: 'uint32_t',
  ...Object.fromEntries(tableMembers.map(([member]) => [member, 'void *'])),
});
