joulecast estimate resnet50
