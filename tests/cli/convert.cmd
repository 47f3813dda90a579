joulecast convert "$SOURCE/tests/corpus/onnx/conv1d_9.onnx"
joulecast convert "$SOURCE/tests/corpus/onnx/bert_11.onnx" --name bert -o bert.json
joulecast inspect bert.json --totals | head -20
