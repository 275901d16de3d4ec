#pragma once

#include <functional>
#include <string_view>

#include "cli/commands.hpp"
#include "cli/interrupt.hpp"
#include "cli/library.hpp"

namespace cordon::cli {

/// Opens a client as the globals say, unlocks its vault if asked to (by --ask-passphrase, or by the configuration's key
/// source "prompt" when nothing else opened it), runs `work` and returns its exit code; that of the error if the client
/// does not open.
int in_session(const Globals &globals, const std::function<int(cordon_client *, const Interrupts &)> &work);

/// The same for a single call, which is reported as `what`.
int call_and_report(const Globals &globals, std::string_view what,
                    const std::function<std::int32_t(cordon_client *, char **, cordon_error **)> &call);

/// Before the first secret is stored: asks for the passphrase of the new vault, if the configuration has the key source
/// "prompt" and there is no vault yet.
void offer_first_passphrase(cordon_client *client);

}  // namespace cordon::cli
