# Optional libraries. TARN_WITH_X=auto|on|off: auto takes it when it is there, on fails without it, off leaves it out.
# Each found one adds TARN_HAVE_X to the compile definitions and its target to TARN_LIBS; TARN_PC_REQUIRES and TARN_PKG_PAIRS
# (name:module) tell the installed package files what the static library needs.
find_package(PkgConfig QUIET)
find_package(Threads REQUIRED)
set(TARN_LIBS Threads::Threads m ${CMAKE_DL_LIBS})
set(TARN_DEFS)
set(TARN_PC_PRIVATE "-lm -lpthread -ldl")

function(tarn_library name package module doc)
  set(TARN_WITH_${name} auto CACHE STRING "${doc}: auto, on or off")
  if(TARN_WITH_${name} STREQUAL "off")
    return()
  endif()
  if(PkgConfig_FOUND)
    pkg_check_modules(TARN_${name} QUIET IMPORTED_TARGET ${module})
  endif()
  if(TARN_${name}_FOUND)
    set(TARN_LIBS ${TARN_LIBS} PkgConfig::TARN_${name} PARENT_SCOPE)
    set(TARN_DEFS ${TARN_DEFS} TARN_HAVE_${name}=1 TARN_${name}_VERSION="${TARN_${name}_VERSION}" PARENT_SCOPE)
    set(TARN_PC_REQUIRES ${TARN_PC_REQUIRES} ${module} PARENT_SCOPE)
    set(TARN_PKG_PAIRS ${TARN_PKG_PAIRS} TARN_${name}:${module} PARENT_SCOPE)
  elseif(TARN_WITH_${name} STREQUAL "on")
    message(FATAL_ERROR "TARN_WITH_${name}=on, but ${module} was not found; install the Debian package ${package}")
  else()
    message(STATUS "without ${module} (${doc}); Debian package ${package}")
  endif()
endfunction()

tarn_library(ZLIB zlib1g-dev zlib "gzip'ed files")
tarn_library(PNG libpng-dev libpng "PNG pictures")
tarn_library(JPEG libjpeg62-turbo-dev libjpeg "JPEG pictures")
tarn_library(YAML libyaml-dev yaml-0.1 "recipes")
tarn_library(JANSSON libjansson-dev jansson "model files: JSON")
tarn_library(UTF8PROC libutf8proc-dev libutf8proc "tokenizers: classes and normal forms of Unicode")

# Cairo is opened on demand as well (it brings twenty libraries along, and only pictures need it): headers only.
set(TARN_WITH_CAIRO auto CACHE STRING "plots as PNG: auto, on or off")
if(NOT TARN_WITH_CAIRO STREQUAL "off")
  if(PkgConfig_FOUND)
    pkg_check_modules(CAIRO QUIET cairo)
  endif()
  if(CAIRO_FOUND)
    list(APPEND TARN_DEFS TARN_HAVE_CAIRO=1 TARN_CAIRO_VERSION="${CAIRO_VERSION}")
    include_directories(SYSTEM ${CAIRO_INCLUDE_DIRS})
  elseif(TARN_WITH_CAIRO STREQUAL "on")
    message(FATAL_ERROR "TARN_WITH_CAIRO=on, but cairo was not found; install the Debian package libcairo2-dev")
  else()
    message(STATUS "without cairo (plots as PNG); Debian package libcairo2-dev")
  endif()
endif()

# LAPACK is opened on demand too, and what is used of it has no header: there is nothing to find when building.
set(TARN_WITH_LAPACK on CACHE STRING "eigenvalues and singular values by liblapack.so.3 (Debian package liblapack3): on or off")
if(NOT TARN_WITH_LAPACK STREQUAL "off")
  list(APPEND TARN_DEFS TARN_HAVE_LAPACK=1)
endif()

list(APPEND TARN_FLAGS -fopenmp-simd) # loops without dependences are marked so; this needs no library
