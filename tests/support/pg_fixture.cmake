gofarm_library(gofarm_pg_fixture SOURCES pg_fixture.cc DEPS gofarm_coordinator_store GTest::gtest)
target_link_libraries(gofarm_pg_fixture PUBLIC PkgConfig::PQXX)
