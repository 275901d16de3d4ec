#include "plugin/handover.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace cordon::plugin {
namespace {

TEST(Handover, WhatWasLeftIsNotTakenAndWhatWasTakenIsNotLeft) {
  Handover left;
  EXPECT_TRUE(left.leave());
  EXPECT_FALSE(left.take([] { ADD_FAILURE() << "its frame is gone"; }));
  Handover taken;
  EXPECT_TRUE(taken.take([] {}));
  EXPECT_FALSE(taken.leave());
}

TEST(Handover, WhoeverLeavesMeanwhileWaitsForTheTakingAlone) {
  for (int round = 0; round < 500; ++round) {
    const auto handover = std::make_shared<Handover>();
    std::atomic<bool> begun = false;
    bool frame_lives = true;
    std::thread loop([&] {
      handover->take([&] {
        begun = true;
        std::this_thread::yield();
        EXPECT_TRUE(frame_lives);
      });
    });
    while (!begun && round % 2 == 0) std::this_thread::yield();
    (void)handover->leave();
    frame_lives = false;
    loop.join();
  }
}

}  // namespace
}  // namespace cordon::plugin
