# options.cmake - the flags that every target of the project is compiled with.
add_library(tame_options INTERFACE)
target_compile_definitions(tame_options INTERFACE
  _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE TAME_VERSION="${PROJECT_VERSION}")
target_compile_options(tame_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wvla -Wwrite-strings -Wpointer-arith -Wundef
  -Wdouble-promotion -Wformat=2 -Wcast-qual -Wcast-align -Wimplicit-fallthrough
  -Wconversion -Wno-sign-conversion
  -fno-math-errno -fno-trapping-math -ffp-contract=off)
if(TAME_WERROR)
  target_compile_options(tame_options INTERFACE -Werror)
endif()
if(TAME_SANITIZE)
  target_compile_options(tame_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tame_options INTERFACE -fsanitize=address,undefined)
endif()
if(TAME_COVERAGE)
  target_compile_options(tame_options INTERFACE --coverage)
  target_link_options(tame_options INTERFACE --coverage)
endif()
if(TAME_FUZZ)
  target_compile_options(tame_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TAME_TIDY)
  set(CMAKE_C_CLANG_TIDY clang-tidy)
endif()
