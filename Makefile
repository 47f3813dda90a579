# Thin front of CMake. Two commands are all a newcomer needs:
#   make run    calibrate this machine (about a minute), then forecast the training of ResNet-50
#   make test   build with warnings as errors and run every test
BUILD      ?= build
TEST_BUILD ?= build-test
FUZZ_BUILD ?= build-fuzz
JOBS       ?= $(shell nproc)

# Of the accuracy benchmark, each with a seed of its own.
CALIBRATIONS ?= 1

# Of each reader.
FUZZ_SECONDS ?= 600

.PHONY: run build test sanitize fuzz check-classifiers bench-accuracy bench-analysis bench-energy bench-layers \
  bench-measure bench-memory bench-methods bench-projection format tidy install deb clean

run: build
	$(BUILD)/cli/joulecast calibrate --quick
	$(BUILD)/cli/joulecast estimate resnet50 --samples 1281167 --epochs 90 -b 32

build:
	scripts/install_dependencies.sh run
	cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release -DJOULECAST_TESTS=OFF
	cmake --build $(BUILD) -j $(JOBS)

# Tests share the CPUs, but those that measure run alone (tests/CMakeLists.txt).
test:
	scripts/install_dependencies.sh test
	cmake -S . -B $(TEST_BUILD) -DCMAKE_BUILD_TYPE=Release -DJOULECAST_TESTS=ON \
	  -DJOULECAST_WERROR=ON
	cmake --build $(TEST_BUILD) -j $(JOBS)
	ctest --test-dir $(TEST_BUILD) -j $(JOBS) --output-on-failure

# The same suite under clang's AddressSanitizer and UndefinedBehaviorSanitizer.
sanitize:
	scripts/install_dependencies.sh sanitize
	tests/run_sanitized.sh

# Every reader fuzzed under the same sanitizers, FUZZ_SECONDS each, from tests/corpus. What
# is new goes to build-fuzz/corpus-*, a finding to build-fuzz/ (CONTRIBUTING.md says what then).
fuzz:
	scripts/install_dependencies.sh sanitize
	cmake -S . -B $(FUZZ_BUILD) -DCMAKE_C_COMPILER=clang-14 -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	  -DJOULECAST_TESTS=ON -DJOULECAST_FUZZ=ON -DJOULECAST_SANITIZE=address,undefined
	cmake --build $(FUZZ_BUILD) -j $(JOBS) --target fuzz_model fuzz_onnx fuzz_samples fuzz_profile
	mkdir -p $(FUZZ_BUILD)/corpus-model $(FUZZ_BUILD)/corpus-onnx $(FUZZ_BUILD)/corpus-samples \
	  $(FUZZ_BUILD)/corpus-profile
	$(FUZZ_BUILD)/tests/fuzz_model -max_total_time=$(FUZZ_SECONDS) -timeout=25 \
	  -artifact_prefix=$(FUZZ_BUILD)/model- -dict=tests/fuzz_model.dict \
	  $(FUZZ_BUILD)/corpus-model tests/corpus/model tests/corpus/fuzz_model
	$(FUZZ_BUILD)/tests/fuzz_onnx -max_total_time=$(FUZZ_SECONDS) -timeout=25 -max_len=65536 \
	  -artifact_prefix=$(FUZZ_BUILD)/onnx- $(FUZZ_BUILD)/corpus-onnx tests/corpus/onnx tests/corpus/fuzz_onnx
	$(FUZZ_BUILD)/tests/fuzz_samples -max_total_time=$(FUZZ_SECONDS) -timeout=25 -max_len=8192 \
	  -artifact_prefix=$(FUZZ_BUILD)/samples- $(FUZZ_BUILD)/corpus-samples tests/corpus/samples \
	  tests/fixtures/samples
	$(FUZZ_BUILD)/tests/fuzz_profile -max_total_time=$(FUZZ_SECONDS) -timeout=25 -max_len=16384 \
	  -artifact_prefix=$(FUZZ_BUILD)/profile- $(FUZZ_BUILD)/corpus-profile tests/corpus/profile \
	  tests/fixtures/profiles

# Forecast against measurement on networks that no calibration trains, at one and at all threads:
# calibrates CALIBRATIONS times, measures everything twice. Half an hour on 2 cores, and wants a quiet
# machine. The rows stay in build-bench/; `tests/bench/accuracy.py --report FILE` shows them again.
bench-accuracy: build
	python3 tests/bench/accuracy.py --joulecast $(BUILD)/cli/joulecast --calibrations $(CALIBRATIONS)

# Every classifier of torchvision, exported and by way of ONNX, against the counts that torch itself
# made of it (tests/golden/torch_counts.csv). Wants Debian's python3-torchvision; the tests do 25
# exported and 10 by way of ONNX.
check-classifiers: build
	/usr/bin/python3 tests/torch/test_export.py --joulecast $(BUILD)/cli/joulecast --all
	/usr/bin/python3 tests/torch/onnx_counts.py --joulecast $(BUILD)/cli/joulecast --all

# Joules forecast, and metered, against known ones: calibrates and checks on simulated counters, at one
# and at all threads. A few minutes; ENERGY=--full for the whole calibration, a quarter of an hour a
# thread count. Wants a quiet machine.
bench-energy:
	scripts/install_dependencies.sh test
	cmake -S . -B $(TEST_BUILD) -DCMAKE_BUILD_TYPE=Release -DJOULECAST_TESTS=ON
	cmake --build $(TEST_BUILD) -j $(JOBS) --target joulecast simulate_powercap
	python3 tests/bench/energy.py --joulecast $(TEST_BUILD)/cli/joulecast \
	  --simulator $(TEST_BUILD)/tests/simulate_powercap $(ENERGY)

# Where a forecast is off: layers of MODELS, as in "models/resnet50.json:2:3x128x128 my.json:8",
# forecast by PROFILE for THREADS (1), and measured. Wants a quiet machine.
bench-layers:
	scripts/install_dependencies.sh test
	cmake -S . -B $(TEST_BUILD) -DCMAKE_BUILD_TYPE=Release -DJOULECAST_TESTS=ON
	cmake --build $(TEST_BUILD) -j $(JOBS) --target joulecast bench_layer_times
	python3 tests/bench/layers.py --joulecast $(TEST_BUILD)/cli/joulecast \
	  --layer-times $(TEST_BUILD)/tests/bench_layer_times -p $(PROFILE) $(if $(THREADS),-t $(THREADS)) \
	  $(MODELS)

# Peak memory predicted against what training really takes.
bench-memory: build
	tests/bench/memory.sh $(BUILD)/cli/joulecast

# What `joulecast measure` itself costs, in CPU time. Wants a quiet machine.
bench-measure: build
	python3 tests/bench/measure.py --joulecast $(BUILD)/cli/joulecast

# Networks analysed a second, beside a Python counter (PYTHON names one that has fvcore or
# torchinfo). Wants a quiet machine.
bench-analysis:
	scripts/install_dependencies.sh test
	cmake -S . -B $(TEST_BUILD) -DCMAKE_BUILD_TYPE=Release -DJOULECAST_TESTS=ON
	cmake --build $(TEST_BUILD) -j $(JOBS) --target joulecast bench_analysis
	tests/bench/analysis.sh $(TEST_BUILD)

# Methods on whole measured runs: what was published, and errors under honest splits. DATA names the
# folder with the public tables (data/README.md says which).
bench-methods: build
	python3 tests/bench/methods.py --joulecast $(BUILD)/cli/joulecast --data $(DATA)

# Projections of a run's end against the share that was seen, PROJECTION.md has them: on runs trained
# here, SEEDS of each network and kind, and with DATA on published ones. Half a minute each seed.
bench-projection:
	scripts/install_dependencies.sh test
	cmake -S . -B $(TEST_BUILD) -DCMAKE_BUILD_TYPE=Release -DJOULECAST_TESTS=ON
	cmake --build $(TEST_BUILD) -j $(JOBS) --target joulecast bench_projection
	python3 tests/bench/projection.py --joulecast $(TEST_BUILD)/cli/joulecast \
	  --projector $(TEST_BUILD)/tests/bench_projection $(if $(SEEDS),--seeds $(SEEDS)) \
	  $(if $(DATA),--data $(DATA))

format:
	clang-format-14 -i $$(git ls-files '*.c' '*.h')

# One file at a time: given several, clang-tidy 14 reports va_lists of the file before.
tidy:
	git ls-files 'estimator/*.c' 'trainer/*.c' 'calibrate/*.c' 'cli/*.c' | grep -v unavailable | \
	  xargs -n 1 clang-tidy-14 -p $(TEST_BUILD) --quiet

# make install PREFIX=~/.local; with DESTDIR=DIR, into that folder as if it were the root.
install: build
	cmake --install $(BUILD) $(if $(PREFIX),--prefix $(PREFIX))

# The Debian package, for what is installed under /usr: build-deb/joulecast_VERSION_ARCHITECTURE.deb
deb:
	scripts/install_dependencies.sh run
	cmake -S . -B build-deb -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr
	cmake --build build-deb -j $(JOBS)
	cpack -G DEB --config build-deb/CPackConfig.cmake -B build-deb

clean:
	cmake -E rm -rf $(BUILD) $(TEST_BUILD) $(FUZZ_BUILD) build-sanitize build-deb
