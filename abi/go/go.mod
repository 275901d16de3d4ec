module cordon

go 1.19
