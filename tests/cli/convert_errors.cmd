for arguments in "" "nothing.onnx" "$SOURCE/LICENSE" "." \
  "$SOURCE/tests/corpus/onnx/conv1d_9.onnx --batch-axis 1" \
  "$SOURCE/tests/corpus/onnx/conv1d_9.onnx --training-only aux"; do
  joulecast convert $arguments
  echo "exit $?" >&2
done
