#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace cordon::simulation {

/// The places at which a process may die: before and after whatever it does through its seams.
enum class Point {
  SendBegin,        ///< a request is about to be sent
  BytesSent,        ///< its first byte has left
  AnswerProduced,   ///< the service has dealt with it, the answer is on its way
  AnswerDelivered,  ///< the answer has come, nobody has read it
  BatchBegin,       ///< closures wait for the ledger
  MidWrite,         ///< between two writes of a batch
  BatchCommitted,   ///< the batch is in the ledger, nobody knows
  OutcomeDelivered  ///< those who waited for it have gone on
};

inline constexpr std::array<std::string_view, 8> kPointNames = {"before a request is sent",
                                                                "after bytes were sent",
                                                                "after the answer was made",
                                                                "before the answer is read",
                                                                "before a batch",
                                                                "in the middle of a batch",
                                                                "after a batch was committed",
                                                                "after its outcome was seen"};

inline constexpr std::size_t kPoints = kPointNames.size();

}  // namespace cordon::simulation
