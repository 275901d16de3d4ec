#include "ledger/checkpoint.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace cordon::ledger {
namespace {

/// What is signed.
std::string message(const CheckpointTerms &terms) {
  return fmt::format("cordon-checkpoint/1\n{}\n{}\n{}\n{}\n{}\n{}\n", terms.ledger_id, terms.last.sequence,
                     hex_encode(terms.last.digest), terms.at, terms.owner, terms.key_id);
}

}  // namespace

Json checkpoint_body(const Keyring &keyring, const CheckpointTerms &terms) {
  return {{"through", terms.last.sequence},
          {"digest", hex_encode(terms.last.digest)},
          {"public_key", hex_encode(keyring.public_key())},
          {"signature", hex_encode(keyring.sign(message(terms)))}};
}

std::string check_checkpoint(const JournalRow &row, const ChainLink &last, std::string_view ledger_id,
                             std::string_view public_key) {
  const Json body = parse_stored(row.body);
  const auto wrong = [&](const char *what) { return fmt::format("the checkpoint {} {}", row.sequence, what); };
  if (!body.is_object()) return wrong("can't be read");
  if (int_or(body, "through", -1) != last.sequence || text_or(body, "digest") != hex_encode(last.digest))
    return wrong("does not sign the records before it");
  if (text_or(body, "public_key") != hex_encode(public_key)) return wrong("names a key that is not this ledger's");
  const auto signature = hex_decode(text_or(body, "signature"));
  if (!signature ||
      !is_signed(message(CheckpointTerms(ledger_id, last, row.at, row.owner, row.key_id)), *signature, public_key))
    return wrong("bears a signature that does not fit");
  return {};
}

}  // namespace cordon::ledger
